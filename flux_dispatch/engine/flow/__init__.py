"""The parts that verbs are made of: queues, progresses, limits and clocks; none of them knows a verb."""
