-- The sparse counts with what identifies each paper, its labels and which papers of the sample it cites. Papers without
-- a proved arXiv id have no place in a shared table; of the many abstracts that name nothing, the title has none either.
WITH source AS (
    SELECT paper, list(source ORDER BY rank) AS sources, max(probability) AS source_probability
    FROM paper_source GROUP BY paper
), cites AS (
    SELECT citing AS paper, list(arxiv_id ORDER BY arxiv_id) AS cites
    FROM citation JOIN paper ON cited = paper.paper
    WHERE NOT starts_with(arxiv_id, 'local:')
    GROUP BY citing
)
SELECT arxiv_id, CASE WHEN surface = 'abstract' AND benchmark IS NULL THEN '' ELSE title END AS title, published, is_day, surface, id_source, benchmark, alias, section, coalesce(n, 0)::INTEGER AS n,
       method, round(probability, 3) AS method_probability, by_cues, by_classifier,
       sources, round(source_probability, 3) AS source_probability, cites
FROM paper
LEFT JOIN mention_count USING (paper) LEFT JOIN paper_method USING (paper)
LEFT JOIN source USING (paper) LEFT JOIN cites USING (paper)
WHERE NOT starts_with(arxiv_id, 'local:')
ORDER BY arxiv_id, benchmark, alias, section;
