"""derive: gradients of neural-network code in index notation, step by step."""
