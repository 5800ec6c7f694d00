"""A thousand small migrations: rfdata's runner beside dbmate, yoyo, Alembic, psql's loop and the floor."""
