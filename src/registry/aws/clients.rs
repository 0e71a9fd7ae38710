//! The clients of each place: an identity in a region, under the limit of its account there.

use aws_config::SdkConfig;

use super::limit::{Limit, Limited, PlaceLimits};
use crate::types::Place;

/// The AWS clients for one place.
#[derive(Clone, Debug)]
pub(crate) struct PlaceClients {
    pub(crate) place: Place,
    pub(crate) lambda: aws_sdk_lambda::Client,
    pub(crate) s3: aws_sdk_s3::Client,
    /// For creating clients that only few runs need.
    pub(crate) config: SdkConfig,
    /// The limit for writes of parameters.
    pub(crate) parameter_writes: Limit,
}

impl PlaceClients {
    /// `path_style` puts the bucket into the URL's path, for servers other than AWS, which seldom have a host name for
    /// each bucket.
    pub(crate) fn new(config: &SdkConfig, place: Place, path_style: bool, limits: PlaceLimits) -> Self {
        let config = config.to_builder().region(aws_config::Region::new(place.region.clone())).build();
        let lambda = aws_sdk_lambda::config::Builder::from(&config);
        let lambda = match config.http_client() {
            Some(client) => lambda.http_client(Limited { client, limit: limits.control_plane }),
            None => lambda,
        };
        Self {
            place,
            lambda: aws_sdk_lambda::Client::from_conf(lambda.build()),
            s3: Self::s3_of(&config, path_style),
            config,
            parameter_writes: limits.parameter_writes,
        }
    }

    pub(crate) fn s3_of(config: &SdkConfig, path_style: bool) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(config).force_path_style(path_style);
        aws_sdk_s3::Client::from_conf(config.build())
    }
}
