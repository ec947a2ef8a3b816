"""How fast cases come in over HTTP, beside the same server without group commit and beside a bare one."""
