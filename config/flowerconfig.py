"""Flower's settings, read by Flower itself: it watches, and changes nothing."""

read_only = True
max_tasks = 20_000
# milliseconds; a kill -9 loses what came since
state_save_interval = 60_000
# seconds after which a worker that ended is not listed any more: each start of one has a name of its own
purge_offline_workers = 3600
tasks_columns = "name,state,args,result,received,started,runtime,worker"
natural_time = False
