SELECT :big AS low
