-- The structure.sql of a Rails application, as pg_dump writes it: sequences, citext, partial unique indexes, a trigger.
-- coordinated: ar_internal_metadata ar_internal_metadata_pkey
-- coordinated: articles fk_rails_articles_author
-- coordinated: articles index_articles_on_slug_when_kept
-- coordinated: schema_migrations schema_migrations_pkey
-- coordinated: taggings fk_rails_taggings_tag
-- coordinated: taggings index_taggings_on_article_id_and_tag_id
-- coordinated: tags index_tags_on_name
-- coordinated: users index_users_on_lower_email
-- coordinated: users index_users_on_reset_password_token
-- skipped: CREATE TRIGGER articles_touch
-- skipped: slug public.citext
-- skipped: NOT VALID

--
-- PostgreSQL database dump
--

\restrict 8mPqkUOyQ5H1

-- Dumped from database version 15.6
-- Dumped by pg_dump version 15.6

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: citext; Type: EXTENSION; Schema: -; Owner: -
--

CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA public;
COMMENT ON EXTENSION citext IS 'data type for case-insensitive character strings';

--
-- Name: article_state; Type: TYPE; Schema: public; Owner: -
--

CREATE TYPE public.article_state AS ENUM (
    'draft',
    'published',
    'discarded'
);

--
-- Name: touch_updated_at(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.touch_updated_at() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  NEW.updated_at := clock_timestamp();
  IF NEW.state = 'published' AND OLD.state <> 'published' THEN
    PERFORM pg_notify('articles', NEW.id::text);
  END IF;
  RETURN NEW;
END;
$$;

SET default_tablespace = '';
SET default_table_access_method = heap;

--
-- Name: ar_internal_metadata; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.ar_internal_metadata (
    key character varying NOT NULL,
    value character varying,
    created_at timestamp(6) without time zone NOT NULL,
    updated_at timestamp(6) without time zone NOT NULL
);

CREATE TABLE public.articles (
    id bigint NOT NULL,
    author_id bigint NOT NULL,
    title character varying(200) NOT NULL,
    slug public.citext NOT NULL,
    state public.article_state DEFAULT 'draft'::public.article_state NOT NULL,
    body text,
    likes_count integer DEFAULT 0 NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    tag_list character varying[] DEFAULT '{}'::character varying[],
    discarded_at timestamp(6) without time zone,
    created_at timestamp(6) without time zone NOT NULL,
    updated_at timestamp(6) without time zone NOT NULL,
    CONSTRAINT chk_rails_likes CHECK ((likes_count >= 0)),
    CONSTRAINT chk_rails_title CHECK ((char_length((title)::text) > 0))
);

--
-- Name: articles_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.articles_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.articles_id_seq OWNED BY public.articles.id;

CREATE TABLE public.schema_migrations (
    version character varying NOT NULL
);

CREATE TABLE public.taggings (
    id bigint NOT NULL,
    article_id bigint NOT NULL,
    tag_id bigint NOT NULL
);

CREATE SEQUENCE public.taggings_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.taggings_id_seq OWNED BY public.taggings.id;

CREATE TABLE public.tags (
    id bigint NOT NULL,
    name character varying NOT NULL
);

CREATE SEQUENCE public.tags_id_seq START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;
ALTER SEQUENCE public.tags_id_seq OWNED BY public.tags.id;

CREATE TABLE public.users (
    id bigint NOT NULL,
    email character varying NOT NULL,
    encrypted_password character varying DEFAULT ''::character varying NOT NULL,
    sign_in_count integer DEFAULT 0 NOT NULL,
    reset_password_token character varying,
    locked_at timestamp without time zone,
    created_at timestamp(6) without time zone NOT NULL
);

COMMENT ON COLUMN public.users.email IS 'lower case; see User#downcase_email';

CREATE SEQUENCE public.users_id_seq START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;
ALTER SEQUENCE public.users_id_seq OWNED BY public.users.id;

CREATE VIEW public.published_articles AS
 SELECT articles.id,
    articles.title
   FROM public.articles
  WHERE ((articles.state = 'published'::public.article_state) AND (articles.discarded_at IS NULL));

ALTER TABLE ONLY public.articles ALTER COLUMN id SET DEFAULT nextval('public.articles_id_seq'::regclass);
ALTER TABLE ONLY public.taggings ALTER COLUMN id SET DEFAULT nextval('public.taggings_id_seq'::regclass);
ALTER TABLE ONLY public.tags ALTER COLUMN id SET DEFAULT nextval('public.tags_id_seq'::regclass);
ALTER TABLE ONLY public.users ALTER COLUMN id SET DEFAULT nextval('public.users_id_seq'::regclass);

ALTER TABLE ONLY public.ar_internal_metadata
    ADD CONSTRAINT ar_internal_metadata_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.articles
    ADD CONSTRAINT articles_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.taggings
    ADD CONSTRAINT taggings_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.tags
    ADD CONSTRAINT tags_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

CREATE INDEX index_articles_on_author_id ON public.articles USING btree (author_id);
CREATE INDEX index_articles_on_metadata ON public.articles USING gin (metadata jsonb_path_ops);
CREATE UNIQUE INDEX index_articles_on_slug_when_kept ON public.articles USING btree (slug) WHERE (discarded_at IS NULL);
CREATE UNIQUE INDEX index_taggings_on_article_id_and_tag_id ON public.taggings USING btree (article_id, tag_id);
CREATE UNIQUE INDEX index_tags_on_name ON public.tags USING btree (name);
CREATE UNIQUE INDEX index_users_on_lower_email ON public.users USING btree (lower((email)::text));
CREATE UNIQUE INDEX index_users_on_reset_password_token ON public.users USING btree (reset_password_token) WHERE (reset_password_token IS NOT NULL);

CREATE TRIGGER articles_touch BEFORE UPDATE ON public.articles FOR EACH ROW EXECUTE FUNCTION public.touch_updated_at();

ALTER TABLE ONLY public.articles
    ADD CONSTRAINT fk_rails_articles_author FOREIGN KEY (author_id) REFERENCES public.users(id);
ALTER TABLE ONLY public.taggings
    ADD CONSTRAINT fk_rails_taggings_article FOREIGN KEY (article_id) REFERENCES public.articles(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.taggings
    ADD CONSTRAINT fk_rails_taggings_tag FOREIGN KEY (tag_id) REFERENCES public.tags(id) NOT VALID;

\unrestrict 8mPqkUOyQ5H1

SET search_path TO "$user", public;

INSERT INTO "schema_migrations" (version) VALUES
('20240301120000'),
('20240301115900');
