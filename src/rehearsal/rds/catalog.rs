//! What is offered: engine versions, classes, parameter groups; and what never changes here.

use super::describe;
use super::groups;
use super::wire::{ApiError, Params, Xml};
use super::world::{ACCOUNT, World, not_found_group};

const CLASSES: [&str; 6] = [
    "db.t4g.medium",
    "db.t4g.large",
    "db.m6g.large",
    "db.m7g.large",
    "db.r6g.large",
    "db.r7g.large",
];

type Answer = Result<Xml, ApiError>;

/// Refuses a class that is not offered.
pub fn check_class(class: &str) -> Result<(), ApiError> {
    if CLASSES.contains(&class) {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "Invalid DB Instance class: {class}"
    )))
}

/// `DescribeDBEngineVersions`; a major version alone matches all of its minors.
pub fn engine_versions(world: &World, params: &Params) -> Xml {
    let engine = params.opt("Engine").unwrap_or("postgres");
    let wanted = params.opt("EngineVersion");
    let installs = &world.settings.installs;
    let offered = installs.iter().filter(|install| {
        let version = install.version.to_string();
        let major = install.version.major().to_string();
        engine == "postgres" && wanted.is_none_or(|w| w == version || w == major)
    });
    let mut xml = Xml::default();
    xml.list(
        "DBEngineVersions",
        "DBEngineVersion",
        offered,
        |xml, install| {
            let version = install.version.to_string();
            xml.text("Engine", "postgres");
            xml.text("EngineVersion", &version);
            xml.text("DBParameterGroupFamily", groups::family(&version));
            xml.text("DBEngineDescription", "PostgreSQL");
            xml.text("Status", "available");
            let targets = installs.iter().filter(|to| {
                world
                    .check_upgrade(&version, &to.version.to_string())
                    .is_ok()
            });
            xml.list("ValidUpgradeTarget", "UpgradeTarget", targets, |xml, to| {
                xml.text("Engine", "postgres");
                xml.text("EngineVersion", to.version);
                xml.text("Description", format!("PostgreSQL {}", to.version));
                xml.text("AutoUpgrade", false);
                let major = to.version.major() != install.version.major();
                xml.text("IsMajorVersionUpgrade", major);
            });
        },
    );
    xml
}

/// `DescribeOrderableDBInstanceOptions`.
pub fn orderable(world: &World, params: &Params) -> Answer {
    let engine = params.required("Engine")?;
    let (version, class) = (params.opt("EngineVersion"), params.opt("DBInstanceClass"));
    let options = world.settings.installs.iter().flat_map(|install| {
        let version = install.version.to_string();
        CLASSES.map(move |class| (version.clone(), class))
    });
    let wanted = options.filter(|(v, c)| {
        engine == "postgres"
            && version.is_none_or(|wanted| wanted == v)
            && class.is_none_or(|wanted| wanted == *c)
    });
    let mut xml = Xml::default();
    let name = "OrderableDBInstanceOption";
    xml.list(
        "OrderableDBInstanceOptions",
        name,
        wanted,
        |xml, (version, class)| {
            xml.text("Engine", "postgres");
            xml.text("EngineVersion", version);
            xml.text("DBInstanceClass", class);
            xml.text("LicenseModel", "postgresql-license");
            xml.text("StorageType", "gp3");
            xml.text("MultiAZCapable", true);
            xml.text("SupportsIAMDatabaseAuthentication", true);
        },
    );
    Ok(xml)
}

/// `DescribeDBParameterGroups`.
pub fn parameter_groups(world: &World, params: &Params) -> Answer {
    let wanted = params.opt("DBParameterGroupName");
    let mut found = groups::all(&world.settings.installs);
    found.retain(|group| wanted.is_none_or(|name| name == group.name));
    if let Some(name) = wanted.filter(|_| found.is_empty()) {
        return Err(not_found_group(name));
    }
    let mut xml = Xml::default();
    xml.list(
        "DBParameterGroups",
        "DBParameterGroup",
        found,
        |xml, group| {
            xml.text("DBParameterGroupName", &group.name);
            xml.text("DBParameterGroupFamily", &group.family);
            xml.text("Description", "Parameter group of the rehearsal");
        },
    );
    Ok(xml)
}

/// `DescribeDBParameters`.
pub fn parameters(world: &World, params: &Params) -> Answer {
    let name = params.required("DBParameterGroupName")?;
    let group = groups::all(&world.settings.installs)
        .into_iter()
        .find(|group| group.name == name)
        .ok_or_else(|| not_found_group(name))?;
    let source = if name.starts_with("default.") {
        "system"
    } else {
        "user"
    };
    let asked = params.opt("Source");
    let values = group
        .values
        .into_iter()
        .filter(|_| asked.is_none_or(|s| s == source));
    let mut xml = Xml::default();
    xml.list("Parameters", "Parameter", values, |xml, (name, value)| {
        xml.text("ParameterName", name);
        xml.text("ParameterValue", value);
        xml.text("Source", source);
        xml.text("ApplyType", "static");
        xml.text("ApplyMethod", "pending-reboot");
        xml.text("DataType", "string");
        xml.text("IsModifiable", true);
    });
    Ok(xml)
}

/// `DescribeEvents`.
pub fn events(world: &World, params: &Params) -> Xml {
    let source = params.opt("SourceIdentifier");
    let kind = params.opt("SourceType");
    let state = world.state();
    let wanted = state.events.iter().filter(|event| {
        source.is_none_or(|s| s == event.source) && kind.is_none_or(|k| k == event.kind)
    });
    let mut xml = Xml::default();
    xml.list("Events", "Event", wanted, describe::event);
    xml
}

/// An answer with one empty list: there is no maintenance and no proxy here.
pub fn nothing(list: &str) -> Xml {
    let mut xml = Xml::default();
    xml.element(list, |_| {});
    xml
}

/// `GetCallerIdentity`.
pub fn caller() -> Xml {
    let mut xml = Xml::default();
    xml.text("UserId", "AIDALABLABLABLABLAB00");
    xml.text("Account", ACCOUNT);
    xml.text("Arn", format!("arn:aws:iam::{ACCOUNT}:user/lab"));
    xml
}

/// `ListTagsForResource` and, with `Tags` or `TagKeys`, the actions that change them.
pub fn tags(world: &World, params: &Params) -> Answer {
    let arn = params.required("ResourceName")?;
    let mut state = world.state();
    let unknown = || {
        ApiError::invalid(format!(
            "The specified resource name does not match an RDS resource: {arn}"
        ))
    };
    let (kind, identifier) = arn
        .split(':')
        .skip(5)
        .collect::<Vec<_>>()
        .try_into()
        .map(|[a, b]: [&str; 2]| (a, b))
        .map_err(|_| unknown())?;
    let tags = match kind {
        "db" => {
            state.instance(identifier)?;
            state
                .instances
                .get_mut(identifier)
                .map(|served| &mut served.told.tags)
        }
        "snapshot" => {
            state.snapshot(identifier)?;
            state
                .snapshots
                .get_mut(identifier)
                .map(|kept| &mut kept.told.tags)
        }
        _ => None,
    };
    let tags = tags.ok_or_else(unknown)?;
    tags.extend(params.tags());
    for key in params.list("TagKeys") {
        tags.remove(&key);
    }
    let mut xml = Xml::default();
    describe::tags(&mut xml, tags);
    Ok(xml)
}
