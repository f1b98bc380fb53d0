-- How many lines of a metadata snapshot ($path) are records of a paper.
SELECT count(*)
FROM read_json(
    $path, format = 'newline_delimited', ignore_errors = true, maximum_object_size = 4194304,
    columns = {id: 'VARCHAR', versions: 'STRUCT(version VARCHAR, created VARCHAR)[]'}
)
WHERE id IS NOT NULL AND try_strptime(versions[1].created, '%a, %d %b %Y %H:%M:%S %Z') IS NOT NULL
