-- The counts of a name index (the registered table `indexed`), whose papers are the numbers that load_papers.sql gives.
INSERT INTO mention_count BY NAME
SELECT paper, benchmark, alias, 'body' AS section, n FROM indexed;
