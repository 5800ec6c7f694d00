"""The central types, all frozen; nothing here reads or writes anything."""
