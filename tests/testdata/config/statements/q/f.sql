SELECT x FROM {users}
