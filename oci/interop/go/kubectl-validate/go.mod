module tamis/kubectl-validate

go 1.26

require sigs.k8s.io/kubectl-validate v0.0.4
