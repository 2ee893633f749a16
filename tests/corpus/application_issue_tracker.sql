-- case: an issue tracker: numbers per project are claimed, the rest is free
-- expect: file_issue issues_pkey not_confluent with file_issue scope project_id
-- route: file_issue ordered
-- route: comment_on free
-- route: assign free
-- route: label free
-- route: unlabel free
-- Two issues of one project filed apart both take the next number. Labels are facts, comments have random keys.

CREATE TABLE projects (
    id  bigint PRIMARY KEY
);

CREATE TABLE issues (
    project   bigint REFERENCES projects,
    number    bigint,
    title     text NOT NULL,
    assignee  text,
    PRIMARY KEY (project, number)
);

CREATE TABLE labels (
    project  bigint,
    number   bigint,
    label    text,
    PRIMARY KEY (project, number, label),
    FOREIGN KEY (project, number) REFERENCES issues
);

CREATE TABLE remarks (
    id       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    project  bigint NOT NULL,
    number   bigint NOT NULL,
    body     text NOT NULL,
    FOREIGN KEY (project, number) REFERENCES issues
);

INSERT INTO projects VALUES (1), (2);

CREATE PROCEDURE file_issue(project_id bigint, title text)
BEGIN ATOMIC
    INSERT INTO issues (project, number, title)
    SELECT project_id, coalesce(max(i.number), 0) + 1, file_issue.title FROM issues i WHERE i.project = project_id;
END;

CREATE PROCEDURE assign(project_id bigint, n bigint, who text)
BEGIN ATOMIC
    UPDATE issues SET assignee = who WHERE project = project_id AND number = n;
END;

CREATE PROCEDURE label(project_id bigint, n bigint, l text)
BEGIN ATOMIC
    INSERT INTO labels (project, number, label) VALUES (project_id, n, l) ON CONFLICT DO NOTHING;
END;

CREATE PROCEDURE unlabel(project_id bigint, n bigint, l text)
BEGIN ATOMIC
    DELETE FROM labels WHERE project = project_id AND number = n AND labels.label = l;
END;

CREATE PROCEDURE comment_on(project_id bigint, n bigint, words text)
BEGIN ATOMIC
    INSERT INTO remarks (project, number, body) VALUES (project_id, n, words);
END;
