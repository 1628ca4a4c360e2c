module tamis/istio

go 1.26.0

// The release-1.30 branch of 26 August 2026, after 1.30.3. Versions of Istio carry no `v`, so Go knows them by date only.
require istio.io/istio v0.0.0-20260826214018-9739e10eb9d7

// Newer than Istio's own go.mod asks for: proxies of Go modules serve these, and not all of those.
require (
	github.com/envoyproxy/go-control-plane/contrib v1.36.1-0.20260729145720-a2d8c7492908
	github.com/envoyproxy/go-control-plane/envoy v1.37.1-0.20260729145720-a2d8c7492908
	istio.io/api v1.31.1
	istio.io/client-go v1.31.1
)

// A copy of the same version, in which stub.go stands for the package that no proxy of modules has all of.
replace istio.io/istio => ./source
