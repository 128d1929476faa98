SELECT file.name, pg_read_file('pg_wal/' || file.name) AS text
  FROM pg_ls_dir('pg_wal') AS file(name)
 WHERE file.name LIKE '%.history'
