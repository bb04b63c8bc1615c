"""Kind `google_chat`: a card to a webhook of a Google Chat space."""
