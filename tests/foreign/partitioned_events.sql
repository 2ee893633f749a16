-- An event store as pg_dump writes one: range, list and hash partitions, attached one by one, and old-style inheritance.
-- coordinated: cache cache_pkey
-- coordinated: events events_pkey
-- skipped: INHERITS (public.audit)
-- skipped: CREATE UNLOGGED

CREATE TABLE public.events (
    tenant_id integer NOT NULL,
    event_id bigint NOT NULL,
    happened timestamp with time zone NOT NULL,
    kind text NOT NULL,
    amount numeric(12,2) DEFAULT 0 NOT NULL,
    doubled numeric(13,2) GENERATED ALWAYS AS ((amount * (2)::numeric)) STORED,
    CONSTRAINT events_kind_check CHECK ((kind = ANY (ARRAY['open'::text, 'close'::text])))
)
PARTITION BY RANGE (happened);

CREATE TABLE public.events_2025 (
    tenant_id integer NOT NULL,
    event_id bigint NOT NULL,
    happened timestamp with time zone NOT NULL,
    kind text NOT NULL,
    amount numeric(12,2) DEFAULT 0 NOT NULL,
    doubled numeric(13,2) GENERATED ALWAYS AS ((amount * (2)::numeric)) STORED,
    CONSTRAINT events_kind_check CHECK ((kind = ANY (ARRAY['open'::text, 'close'::text])))
);
CREATE TABLE public.events_2026 PARTITION OF public.events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (kind);
CREATE TABLE public.events_2026_open PARTITION OF public.events_2026 FOR VALUES IN ('open');
CREATE TABLE public.events_rest PARTITION OF public.events DEFAULT;
ALTER TABLE ONLY public.events ATTACH PARTITION public.events_2025 FOR VALUES FROM ('2025-01-01 00:00:00+00') TO ('2026-01-01 00:00:00+00');
ALTER TABLE ONLY public.events ADD CONSTRAINT events_pkey PRIMARY KEY (tenant_id, event_id, happened);
CREATE INDEX events_by_kind ON ONLY public.events USING btree (kind);
CREATE INDEX events_2025_kind_idx ON public.events_2025 USING btree (kind);
ALTER INDEX public.events_by_kind ATTACH PARTITION public.events_2025_kind_idx;

CREATE TABLE public.sessions (
    token uuid DEFAULT gen_random_uuid() NOT NULL,
    tenant_id integer NOT NULL
)
PARTITION BY HASH (token);
CREATE TABLE public.sessions_0 PARTITION OF public.sessions FOR VALUES WITH (modulus 2, remainder 0);
CREATE TABLE public.sessions_1 PARTITION OF public.sessions FOR VALUES WITH (modulus 2, remainder 1);
ALTER TABLE ONLY public.sessions ADD CONSTRAINT sessions_pkey PRIMARY KEY (token);

CREATE TABLE public.audit (at timestamp with time zone DEFAULT now() NOT NULL, what text NOT NULL);
CREATE TABLE public.audit_logins (who text NOT NULL) INHERITS (public.audit);
CREATE UNLOGGED TABLE public.cache (key text PRIMARY KEY, value bytea NOT NULL);
