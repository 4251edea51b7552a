"""The Celery side: app, tasks, the loop beside them, and the wiring that joins all parts."""
