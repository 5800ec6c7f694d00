-- What audit.verify_chain() has to say against some chains, and how many events it walked.
SELECT
    (SELECT count(*) FROM generate_series(%(first)s, %(last)s) AS o, audit.verify_chain(benchmark.id(1, o))),
    (SELECT sum(sequence) FROM audit.chains
     WHERE organization_id IN (SELECT benchmark.id(1, o) FROM generate_series(%(first)s, %(last)s) AS o))
