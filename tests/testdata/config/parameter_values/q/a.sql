SELECT :low AS low, :share AS share
