"""The parts that verbs are made of: queues, batches, limits and clocks; none of them knows a verb."""
