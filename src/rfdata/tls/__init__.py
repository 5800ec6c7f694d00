"""The deployment's own certificate authority, the servers' certificates, and looking at both live."""
