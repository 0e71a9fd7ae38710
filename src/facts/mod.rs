//! Facts that AWS, GitHub and other projects decide and may change, read from `data/`.

mod github;
mod indexes;
mod installers;
mod lambda;
mod libraries;
mod licences;
pub mod lockfiles;
pub mod missing_in_builds;
mod opening;
pub mod permissions;
mod regions;
mod runtime_packages;
mod runtimes;
mod secrets;

use serde::Deserialize;

pub use github::{GitHub, github};
pub use indexes::{PublicIndex, public_index};
pub use installers::{
    InstallerVariables, Tools, UvProjects, UvSettings, installer_variables, tools, uv_projects, uv_settings,
};
pub use lambda::{Lambda, Limits, LookingVariable, lambda, limits};
pub use libraries::{is_optional_library, replacement};
pub use licences::{Licences, licences};
pub use lockfiles::{Kind, KindFacts, lockfiles};
pub use missing_in_builds::not_in_a_build;
pub use opening::{Opening, opening};
pub use regions::{is_opt_in, partition, partition_of_name, token_audience};
pub use runtime_packages::{RuntimePackage, RuntimePackages, runtime_packages};
pub use runtimes::{Runtime, Runtimes, System, default_python, patch_release, runtimes};
pub use secrets::{CredentialFile, Secrets, TokenFormat, UrlParameters, Weak, secrets};

/// Reads a file of this repository that is compiled in. The unit test below reads each of them.
fn embedded<T: for<'de> Deserialize<'de>>(text: &str) -> T {
    serde_yaml::from_str(text).expect("the data files are checked by a test")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_data_files_are_readable() {
        assert!(super::tools().uv.contains('.'));
        assert!(super::runtimes().len() >= 6);
        for runtime in super::runtimes() {
            assert!(runtime.system().has_library("libc.so.6"));
            assert_eq!(runtime.system().symbol_versions["GLIBC"], runtime.glibc);
        }
        for package in &super::runtime_packages().packages {
            assert!(package.version.parse::<pep440_rs::Version>().is_ok(), "{}", package.version);
            for requirement in &package.requires {
                assert!(requirement.parse::<pep508_rs::Requirement>().is_ok(), "{requirement}");
            }
        }
        let settings = super::uv_projects();
        assert!(settings.defaults.keys().all(|name| settings.resolving.contains(name)));
        assert!(settings.known_to_pip.iter().any(|name| settings.building.contains(name)));
        assert_eq!(super::github().runners.len(), 2);
        assert!(super::github().matrix_jobs > 1);
        assert!(super::opening().total > super::opening().entry);
        assert_eq!(super::limits().unzipped_size, 250 * 1024 * 1024);
        assert!(super::is_opt_in("af-south-1") && !super::is_opt_in("eu-west-1") && !super::is_opt_in("cn-north-1"));
        for region in &super::lambda().default_regions {
            assert!(super::lambda().regions["aws"].contains(region), "{region}");
        }
        assert_eq!((super::partition("cn-north-1"), super::partition("eu-west-1")), ("aws-cn", "aws"));
        assert!(super::lambda().regions["aws"].contains(&"eu-west-1".to_owned()));
        for (partition, regions) in &super::lambda().regions {
            for region in regions {
                assert_eq!(super::partition_of_name(region), Some(partition.as_str()), "{region}");
            }
        }
        assert!(super::is_opt_in("eu-west-9") && !super::is_opt_in("us-gov-east-9") && !super::is_opt_in("local"));
        assert_eq!((super::partition("us-gov-east-9"), super::partition("local")), ("aws-us-gov", "aws"));
        for slip in
            ["eu-wset-1", "eu-west", "eu-west-", "eu-west-0", "eu-west-01", "eu-west-1a", "eu-west-1000", "x-west-1"]
        {
            assert_eq!(super::partition_of_name(slip), None, "{slip}");
        }
        assert_eq!(super::token_audience("aws-cn"), "sts.amazonaws.com.cn");
        assert_eq!(
            (super::token_audience("aws"), super::token_audience("aws-us-gov")),
            ("sts.amazonaws.com", "sts.amazonaws.com")
        );
    }
}
