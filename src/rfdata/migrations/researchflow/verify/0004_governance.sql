SELECT count(*) = 1 AS there_is_one_mode
FROM governance.mode;

SELECT count(*) = 0 AS every_setting_has_its_history
FROM governance.settings AS s
WHERE s.value IS DISTINCT FROM (
    SELECT h.new_value
    FROM governance.setting_history AS h
    WHERE h.key = s.key
    ORDER BY h.changed_at DESC
    LIMIT 1
);

SELECT bool_and(h.new_mode = m.mode) IS NOT FALSE AS the_mode_is_what_its_history_says
FROM governance.mode AS m
LEFT JOIN LATERAL (
    SELECT new_mode FROM governance.mode_history ORDER BY changed_at DESC LIMIT 1
) AS h ON true;

SELECT governance.rollout_position('dark_mode', 'somebody') = 6351 AS a_rollout_hits_the_same_everywhere;
