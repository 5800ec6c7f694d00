\set session random(1, :sessions)
SELECT * FROM session.touch(sha256(convert_to('token ' || :session, 'UTF8')));
