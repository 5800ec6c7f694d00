-- The trail itself goes: DROP fires no trigger. In production that is a decision, not a rollback.
DROP FUNCTION audit.drop_month(date, text);
DROP FUNCTION audit.verify_chain(uuid, bigint);
DROP FUNCTION audit.append(text, text, text, jsonb, text, uuid, text, inet);
DROP FUNCTION audit.ensure_partitions(integer);
DROP FUNCTION audit.make_partition(timestamptz);
DROP FUNCTION audit.partition_of(timestamptz);
DROP FUNCTION audit.event_hash(audit.events);
DROP TABLE audit.anchors;
DROP TABLE audit.break_glass;
DROP TABLE audit.events;
DROP TABLE audit.chains;
DROP FUNCTION audit.guard_events();
DROP FUNCTION audit.may_break_glass();
