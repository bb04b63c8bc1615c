SELECT plan, low, ok, :low AS a, :ratio AS b, :flag AS c FROM {users}
