//! Regions and their partitions, from `data/lambda.yml`.

use super::lambda;

/// The partition of a region, which is the second word of its ARNs: `aws`, `aws-cn`, …
pub fn partition(region: &str) -> &'static str {
    let found = lambda().regions.iter().find(|(_, regions)| regions.iter().any(|known| known == region));
    found.map(|(partition, _)| partition.as_str()).or_else(|| partition_of_name(region)).unwrap_or("aws")
}

/// The partition of an unknown region according to its name: `eu-west-9` belongs to `aws`.
pub fn partition_of_name(region: &str) -> Option<&'static str> {
    let (start, number) = region.rsplit_once('-')?;
    let (area, direction) = start.rsplit_once('-')?;
    let is_name = number.parse::<u8>().is_ok_and(|number| number > 0 && !region.ends_with(&format!("0{number}")))
        && lambda().region_directions.iter().any(|known| known == direction);
    let is_of = |areas: &Vec<String>| areas.iter().any(|known| known == area);
    let found = lambda().region_areas.iter().find(|(_, areas)| is_name && is_of(areas))?;
    Some(found.0)
}

/// The audience that an identity token needs so that STS of a partition accepts it.
pub fn token_audience(partition: &str) -> &'static str {
    lambda().token_audiences.get(partition).map_or("sts.amazonaws.com", String::as_str)
}

/// Whether an account has to enable a region before using it, as for all regions since 2019.
pub fn is_opt_in(region: &str) -> bool {
    let is_known = lambda().regions.values().flatten().any(|known| known == region);
    let is_of_aws = lambda().regions.get("aws").is_some_and(|regions| regions.iter().any(|known| known == region))
        || (!is_known && partition_of_name(region) == Some("aws"));
    is_of_aws && !lambda().default_regions.iter().any(|known| known == region)
}
