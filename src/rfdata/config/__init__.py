"""What a person wants: `rfdata.toml` (structure) and `.env` (secrets), validated and frozen."""
