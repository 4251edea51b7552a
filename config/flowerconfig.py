"""Flower's settings, read by Flower itself: it watches, and changes nothing."""

read_only = True
max_tasks = 20_000
tasks_columns = "name,state,args,result,received,started,runtime,worker"
natural_time = False
