-- The tables as production has them, for a database that has none yet: `personad --init-db`.
--
-- They are shared with other services, so that everything here is given: no column, type, default
-- or index is ours to choose. A table and its indexes are one paragraph, which begins with CREATE
-- TABLE and a name; those of tables that exist are left out (store/schema.h).

CREATE TABLE users (
    id serial PRIMARY KEY,
    user_id varchar(15) UNIQUE,
    email varchar UNIQUE,
    full_name varchar,
    username varchar UNIQUE,
    password_hash varchar,
    bio text,
    avatar_url varchar,
    role varchar DEFAULT 'user',
    google_id varchar UNIQUE,
    provider varchar DEFAULT 'password',
    published_scenarios integer DEFAULT 0,
    total_simulations integer DEFAULT 0,
    reputation_score double precision DEFAULT 0.0,
    profile_public boolean DEFAULT true,
    allow_contact boolean DEFAULT true,
    is_active boolean DEFAULT true,
    is_verified boolean DEFAULT false,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);

CREATE TABLE scenarios (
    id serial PRIMARY KEY,
    unique_id varchar NOT NULL UNIQUE,
    title varchar,
    description text,
    challenge text,
    industry varchar,
    learning_objectives json,
    source_type varchar,
    pdf_content text,
    student_role varchar,
    category varchar,
    difficulty_level varchar,
    estimated_duration integer,
    tags json,
    pdf_title varchar,
    pdf_source varchar,
    processing_version varchar,
    rating_avg double precision,
    rating_count integer,
    is_public boolean,
    is_template boolean,
    allow_remixes boolean,
    status varchar,
    is_draft boolean,
    published_version_id integer REFERENCES scenarios(id),
    draft_of_id integer REFERENCES scenarios(id),
    usage_count integer,
    clone_count integer,
    deleted_at timestamptz,
    deleted_by integer REFERENCES users(id),
    deletion_reason varchar,
    created_by integer REFERENCES users(id),
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);
CREATE INDEX idx_scenarios_created_by ON scenarios(created_by);
CREATE INDEX idx_scenarios_is_public ON scenarios(is_public);
CREATE INDEX idx_scenarios_created_at ON scenarios(created_at);

CREATE TABLE scenario_personas (
    id serial PRIMARY KEY,
    scenario_id integer NOT NULL REFERENCES scenarios(id),
    name varchar NOT NULL,
    role varchar NOT NULL,
    background text,
    correlation text,
    primary_goals json,
    personality_traits json,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);

CREATE TABLE scenario_scenes (
    id serial PRIMARY KEY,
    scenario_id integer NOT NULL REFERENCES scenarios(id),
    title varchar NOT NULL,
    description text NOT NULL,
    user_goal text,
    scene_order integer,
    estimated_duration integer,
    timeout_turns integer,
    success_metric varchar,
    max_attempts integer,
    success_threshold double precision,
    goal_criteria json,
    hint_triggers json,
    scene_context text,
    persona_instructions json,
    image_url varchar,
    image_prompt varchar,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);

CREATE TABLE scene_personas (
    scene_id integer NOT NULL REFERENCES scenario_scenes(id),
    persona_id integer NOT NULL REFERENCES scenario_personas(id),
    involvement_level varchar,
    created_at timestamptz DEFAULT now(),
    PRIMARY KEY (scene_id, persona_id)
);

CREATE TABLE scenario_files (
    id serial PRIMARY KEY,
    scenario_id integer NOT NULL REFERENCES scenarios(id),
    filename varchar NOT NULL,
    file_path varchar,
    file_size integer,
    file_type varchar,
    original_content text,
    processed_content text,
    processing_status varchar,
    processing_log json,
    llamaparse_job_id varchar,
    uploaded_at timestamptz DEFAULT now(),
    processed_at timestamptz
);

CREATE TABLE user_progress (
    id serial PRIMARY KEY,
    user_id integer REFERENCES users(id),
    scenario_id integer NOT NULL REFERENCES scenarios(id),
    current_scene_id integer REFERENCES scenario_scenes(id),
    simulation_status varchar,
    scenes_completed json,
    total_attempts integer,
    hints_used integer,
    forced_progressions integer,
    orchestrator_data json,
    completion_percentage double precision,
    total_time_spent integer,
    session_count integer,
    final_score double precision,
    archived_at timestamptz,
    archived_reason varchar,
    started_at timestamptz DEFAULT now(),
    completed_at timestamptz,
    last_activity timestamptz DEFAULT now(),
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);

CREATE TABLE scene_progress (
    id serial PRIMARY KEY,
    user_progress_id integer NOT NULL REFERENCES user_progress(id),
    scene_id integer NOT NULL REFERENCES scenario_scenes(id),
    status varchar,
    attempts integer,
    hints_used integer,
    goal_achieved boolean,
    forced_progression boolean,
    time_spent integer,
    messages_sent integer,
    ai_responses integer,
    goal_achievement_score double precision,
    interaction_quality double precision,
    scene_feedback text,
    started_at timestamptz,
    completed_at timestamptz,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);

CREATE TABLE conversation_logs (
    id serial PRIMARY KEY,
    user_progress_id integer NOT NULL REFERENCES user_progress(id),
    scene_id integer NOT NULL REFERENCES scenario_scenes(id),
    message_type varchar NOT NULL,
    sender_name varchar,
    persona_id integer REFERENCES scenario_personas(id),
    message_content text NOT NULL,
    message_order integer NOT NULL,
    attempt_number integer,
    is_hint boolean,
    ai_context_used json,
    ai_model_version varchar,
    processing_time double precision,
    user_reaction varchar,
    led_to_progress boolean,
    "timestamp" timestamptz DEFAULT now()
);

CREATE SCHEMA IF NOT EXISTS personad;
CREATE TABLE IF NOT EXISTS personad.idempotency_keys (
    key bytea PRIMARY KEY,
    fingerprint bytea NOT NULL,
    scenario_id integer NOT NULL,
    degraded text NOT NULL,
    reply text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS idempotency_keys_created_at ON personad.idempotency_keys (created_at);
