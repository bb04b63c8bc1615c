SELECT :neds AS x
