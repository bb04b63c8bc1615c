SELECT x FROM y WHERE z = :needs
