use crate::domain::{PgVersion, Sql};

/// The query for all objects of a database on a server of version `own`. What only one of the two versions knows is left
/// out on both sides: it cannot be compared.
pub(super) fn objects(own: PgVersion, both: (PgVersion, PgVersion), schemas: &[String]) -> Sql {
    let own = own.major();
    let older = both.0.min(both.1).major();
    let pick = |from: u32, major: u32, then: &'static str, otherwise: &'static str| {
        Sql::new(if major >= from { then } else { otherwise })
    };
    let relations = Sql::new(include_str!(
        "../../../assets/sql/inspect/objects/relations.sql"
    ))
    .statement("generated", pick(12, own, "a.attgenerated", "''"))
    .statement("compression", pick(14, older, "a.attcompression", "''"))
    .statement("constraint_parent", pick(11, own, "c.conparentid", "0"));
    let code = Sql::new(include_str!("../../../assets/sql/inspect/objects/code.sql"))
        .statement(
            "sql_body",
            pick(
                14,
                own,
                "pg_catalog.pg_get_function_sqlbody(f.oid)",
                "NULL::text",
            ),
        )
        .statement(
            "multirange",
            pick(
                14,
                older,
                "pg_catalog.format_type(g.rngmultitypid, NULL)",
                "''",
            ),
        );
    let cluster = Sql::new(include_str!(
        "../../../assets/sql/inspect/objects/cluster.sql"
    ))
    .statement(
        "publication_schemas",
        pick(15, own, PUBLICATION_SCHEMAS, "NULL::text"),
    )
    .statement(
        "publication_table",
        pick(
            15,
            own,
            PUBLICATION_TABLE,
            "t.prrelid::pg_catalog.regclass::text",
        ),
    )
    .statement(
        "membership",
        pick(16, older, MEMBERSHIP_OPTIONS, "NULL::text"),
    );
    let security = Sql::new(include_str!(
        "../../../assets/sql/inspect/objects/security.sql"
    ))
    // The MAINTAIN privilege came with 17, as part of an owner's rights.
    .statement("maintain", pick(17, older, "true", "false"));
    Sql::new(include_str!("../../../assets/sql/inspect/objects.sql"))
        .statement("all_schemas", Sql::new(if schemas.is_empty() { "true" } else { "false" }))
        .literals("schemas", schemas)
        .statement(
            "function_kind",
            pick(
                11,
                own,
                "CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' WHEN 'w' THEN 'window function' ELSE 'function' END",
                "CASE WHEN p.proisagg THEN 'aggregate' WHEN p.proiswindow THEN 'window function' ELSE 'function' END",
            ),
        )
        .statement("relations", relations)
        .statement("code", code)
        .statement("cluster", cluster)
        .statement("security", security)
}

const PUBLICATION_SCHEMAS: &str = "'SCHEMAS ' || (SELECT pg_catalog.string_agg(s.nspname, ', ' ORDER BY s.nspname) \
    FROM pg_catalog.pg_publication_namespace x JOIN pg_catalog.pg_namespace s ON s.oid = x.pnnspid WHERE x.pnpubid = p.oid)";

const PUBLICATION_TABLE: &str = "t.prrelid::pg_catalog.regclass::text \
    || coalesce(' (' || (SELECT pg_catalog.string_agg(a.attname, ', ' ORDER BY a.attname) FROM pg_catalog.pg_attribute a \
    WHERE a.attrelid = t.prrelid AND a.attnum = ANY (t.prattrs)) || ')', '') \
    || coalesce(' WHERE ' || pg_catalog.pg_get_expr(t.prqual, t.prrelid), '')";

const MEMBERSHIP_OPTIONS: &str = "CASE WHEN NOT m.inherit_option THEN 'NO INHERIT' END, \
    CASE WHEN NOT m.set_option THEN 'NO SET' END";
