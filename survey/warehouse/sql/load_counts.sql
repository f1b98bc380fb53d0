-- Shared counts (the view `counts`) over the papers that load_papers.sql has numbered.
INSERT INTO mention_count BY NAME
SELECT paper, benchmark, alias, section, max(n)::INTEGER AS n
FROM counts JOIN paper USING (arxiv_id)
WHERE benchmark IS NOT NULL
GROUP BY paper, benchmark, alias, section;
