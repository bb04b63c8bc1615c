"""Kind `ntfy`: a push notification through ntfy.sh or an ntfy server of your own."""
