-- The warehouse. Counts are sparse: a benchmark that a paper never names has no row.
CREATE TABLE benchmark (benchmark VARCHAR PRIMARY KEY, name VARCHAR, domain VARCHAR);
CREATE TABLE paper (
    paper INTEGER PRIMARY KEY,
    arxiv_id VARCHAR,   -- without version; local:… where no id is proved
    title VARCHAR,
    published DATE,     -- version 1; NULL where unknown, and then the paper is in no period
    is_day BOOLEAN,     -- whether `published` is a stated day; else the first of the month in the id
    surface VARCHAR,    -- what was counted: latex, pdf, markdown, …
    id_source VARCHAR
);
CREATE TABLE mention_count (paper INTEGER, benchmark VARCHAR, alias VARCHAR, section VARCHAR, n INTEGER);
CREATE TABLE mention (
    paper INTEGER, benchmark VARCHAR, alias VARCHAR, section VARCHAR,
    start INTEGER, stop INTEGER,  -- bytes of the extracted text in UTF-8
    counted BOOLEAN, reason VARCHAR
);
-- What each paper's own work trains, and whose data it trains on, the primary source at rank 0.
CREATE TABLE paper_method (
    paper INTEGER PRIMARY KEY, method VARCHAR, probability DOUBLE,
    by_cues VARCHAR, by_classifier VARCHAR  -- the two routes apart
);
CREATE TABLE paper_source (paper INTEGER, source VARCHAR, rank INTEGER, probability DOUBLE);  -- of the primary one
CREATE TABLE citation (citing INTEGER, cited INTEGER);  -- inside the sample
CREATE TABLE study (json VARCHAR);  -- one row: the study whose benchmarks are counted
CREATE TABLE provenance (key VARCHAR PRIMARY KEY, value VARCHAR);

-- How often a paper names each domain, in the sections in scope: its most named benchmark alone, and all together.
-- Either number is a level: the highest threshold at which the paper belongs to the domain.
CREATE MACRO domain_level(sections) AS TABLE
    WITH benchmark_level AS (
        SELECT paper, benchmark, sum(n) AS n
        FROM mention_count
        WHERE list_contains(sections, section)
        GROUP BY paper, benchmark
    )
    SELECT paper, domain, max(n) AS most, sum(n) AS together
    FROM benchmark_level JOIN benchmark USING (benchmark)
    GROUP BY paper, domain;
