// Package agentgateway stands for Istio's package of that name, which needs a module that proxies of Go modules do not
// serve. Nothing of it runs here: the control plane only makes its controller when PILOT_ENABLE_AGENTGATEWAY says so.
package agentgateway

import (
	"k8s.io/apimachinery/pkg/runtime/schema"

	"istio.io/istio/pilot/pkg/model"
	kubecontroller "istio.io/istio/pilot/pkg/serviceregistry/kube/controller"
	"istio.io/istio/pilot/pkg/status"
	"istio.io/istio/pilot/pkg/xds"
	"istio.io/istio/pkg/kube"
)

type waitForCRD = func(class schema.GroupVersionResource, stop <-chan struct{}) bool

// Controller has what the control plane names; none is ever made.
type Controller struct {
	model.AgentgatewayController

	Registrations []xds.Registration
}

// NewAgwController refuses, so that nobody takes this program for a whole one.
func NewAgwController(_ kube.Client, _ waitForCRD, _ kubecontroller.Options) *Controller {
	panic("built without agentgateway: unset PILOT_ENABLE_AGENTGATEWAY")
}

// SetStatusWrite is named by the control plane, and never called.
func (*Controller) SetStatusWrite(_ bool, _ *status.Manager) {}
