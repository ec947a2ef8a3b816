"""How fast jobs go through the outbox, beside other queues and beside a loop that does the least a correct one must."""
