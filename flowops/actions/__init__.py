"""Acts: one function per business verb; takes a Unit first, never commits."""
