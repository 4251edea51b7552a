"""What people are told of each thing: the columns of its list, and the fields of one."""
