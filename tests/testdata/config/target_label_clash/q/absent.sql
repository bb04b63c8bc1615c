SELECT plan, low, ok, balance FROM balances
