-- The sparse counts with what identifies each paper. Papers without a proved arXiv id have no place in a shared table.
SELECT arxiv_id, title, published, is_day, surface, id_source, benchmark, alias, section, coalesce(n, 0)::INTEGER AS n
FROM paper LEFT JOIN mention_count USING (paper)
WHERE NOT starts_with(arxiv_id, 'local:')
ORDER BY arxiv_id, benchmark, alias, section;
