-- Migrations of an application with embeddings, tenants and row security, in the style of Supabase.
-- coordinated: members members_pkey
-- coordinated: members one_owner_per_tenant
-- coordinated: api_keys api_keys_pkey
-- coordinated: api_keys api_keys_tenant_id_fkey
-- skipped: embedding  vector(1536)
-- skipped: tsvector GENERATED
-- skipped: CREATE POLICY documents_of_tenant
-- skipped: CREATE TRIGGER documents_touch
-- skipped: FUNCTION match_documents
-- elsewhere: needs the extension vector

CREATE EXTENSION IF NOT EXISTS vector;
CREATE EXTENSION IF NOT EXISTS "uuid-ossp";
CREATE SCHEMA IF NOT EXISTS private;

CREATE DOMAIN email_address AS text CHECK (VALUE ~* '^[^@\s]+@[^@\s]+$');
CREATE TYPE member_role AS ENUM ('owner', 'editor', 'viewer');

CREATE TABLE tenants (
    id         uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
    name       text NOT NULL,
    seats      integer NOT NULL DEFAULT 5 CHECK (seats BETWEEN 1 AND 500),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE members (
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    email     email_address NOT NULL,
    role      member_role NOT NULL DEFAULT 'viewer',
    PRIMARY KEY (tenant_id, email)
);
CREATE UNIQUE INDEX one_owner_per_tenant ON members (tenant_id) WHERE role = 'owner';

CREATE TABLE documents (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id  uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    title      text NOT NULL CHECK (length(title) > 0),
    body       text NOT NULL DEFAULT '',
    search     tsvector GENERATED ALWAYS AS (to_tsvector('english', title || ' ' || body)) STORED,
    embedding  vector(1536),
    tags       text[] NOT NULL DEFAULT '{}',
    meta       jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(meta) = 'object'),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX documents_embedding ON documents USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64);
CREATE INDEX documents_search ON documents USING gin (search);

CREATE TABLE private.api_keys (
    hash       bytea PRIMARY KEY,
    tenant_id  uuid NOT NULL REFERENCES tenants,
    valid      tstzrange NOT NULL,
    CHECK (NOT isempty(valid))
);

CREATE FUNCTION private.current_tenant() RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT nullif(current_setting('app.tenant', true), '')::uuid
$$;

CREATE OR REPLACE FUNCTION match_documents(query vector(1536), match_count integer DEFAULT 10)
RETURNS TABLE (id uuid, similarity float) LANGUAGE plpgsql AS $function$
BEGIN
    RETURN QUERY
    SELECT d.id, 1 - (d.embedding <=> query) FROM documents d
    ORDER BY d.embedding <=> query LIMIT match_count;
END;
$function$;

ALTER TABLE documents ENABLE ROW LEVEL SECURITY;
CREATE POLICY documents_of_tenant ON documents
    USING (tenant_id = private.current_tenant()) WITH CHECK (tenant_id = private.current_tenant());

CREATE TRIGGER documents_touch BEFORE UPDATE ON documents
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION moddatetime(updated_at);

GRANT USAGE ON SCHEMA public TO anon, authenticated;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO authenticated;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO anon;
COMMENT ON TABLE documents IS 'one row per uploaded file; embeddings are filled in later';
