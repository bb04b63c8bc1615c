SELECT plan, low, ok, :n AS n FROM users
