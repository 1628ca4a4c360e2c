// What an API server's admission says of resources: the first argument is a file with ValidatingAdmissionPolicies, the others are
// resources, one in each file. A line for each of these: "admitted", or "refused: " and every message.
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	v1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"sigs.k8s.io/yaml"
)

type policy struct {
	v1.ValidatingAdmissionPolicy
	validator validating.Validator
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	var policies []policy
	for _, document := range bytes.Split(text, []byte("\n---\n")) {
		var one v1.ValidatingAdmissionPolicy
		if err := yaml.Unmarshal(document, &one); err != nil {
			log.Fatal(err)
		}
		if one.Kind == "ValidatingAdmissionPolicy" {
			policies = append(policies, policy{one, compile(one)})
		}
	}
	for _, file := range os.Args[2:] {
		text, err := os.ReadFile(file)
		if err != nil {
			log.Fatal(err)
		}
		var object unstructured.Unstructured
		if err := yaml.Unmarshal(text, &object.Object); err != nil {
			log.Fatal(err)
		}
		fmt.Println(judge(policies, &object))
	}
}

func compile(one v1.ValidatingAdmissionPolicy) validating.Validator {
	compiler, err := cel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	if err != nil {
		log.Fatal(err)
	}
	none := cel.OptionalVariableDeclarations{}
	var variables []cel.NamedExpressionAccessor
	for _, variable := range one.Spec.Variables {
		variables = append(variables, &validating.Variable{Name: variable.Name, Expression: variable.Expression})
	}
	for _, variable := range variables {
		if result := compiler.CompileAndStoreVariable(variable, none, environment.NewExpressions); result.Error != nil {
			log.Fatalf("%s: %s: %v", one.Name, variable.GetName(), result.Error)
		}
	}
	var rules, messages []cel.ExpressionAccessor
	for _, validation := range one.Spec.Validations {
		rules = append(rules, &validating.ValidationCondition{Expression: validation.Expression, Message: validation.Message})
		messages = append(messages, &validating.MessageExpressionCondition{MessageExpression: validation.MessageExpression})
	}
	conditions := [][]cel.ExpressionAccessor{rules, nil, messages}
	var evaluators []cel.ConditionEvaluator
	for _, condition := range conditions {
		evaluator := compiler.CompileCondition(condition, none, environment.NewExpressions)
		for _, err := range evaluator.CompilationErrors() {
			if err != nil {
				log.Fatalf("%s: %v", one.Name, err)
			}
		}
		evaluators = append(evaluators, evaluator)
	}
	return validating.NewValidator(evaluators[0], nil, evaluators[1], evaluators[2], one.Spec.FailurePolicy)
}

// Which resources a policy is for: its rules name groups, versions and plural names, and all kinds here have a plain plural.
func matches(one policy, kind schema.GroupVersionKind, resource string) bool {
	for _, rule := range one.Spec.MatchConstraints.ResourceRules {
		if rule.APIGroups[0] == kind.Group && rule.APIVersions[0] == kind.Version && rule.Resources[0] == resource {
			return true
		}
	}
	return false
}

func judge(policies []policy, object *unstructured.Unstructured) string {
	kind := object.GroupVersionKind()
	plural := strings.ToLower(kind.Kind)
	if strings.HasSuffix(plural, "y") {
		plural = strings.TrimSuffix(plural, "y") + "ie"
	}
	resource := kind.GroupVersion().WithResource(plural + "s")
	attributes := admission.NewAttributesRecord(object, nil, kind, object.GetNamespace(), object.GetName(), resource, "", admission.Create, nil, false, nil)
	versioned := &admission.VersionedAttributes{Attributes: attributes, VersionedObject: object, VersionedKind: kind}
	var refusals []string
	matched := false
	for _, one := range policies {
		if !matches(one, kind, resource.Resource) {
			continue
		}
		matched = true
		result := one.validator.Validate(context.Background(), resource, versioned, nil, nil, celconfig.RuntimeCELCostBudget, nil)
		for _, decision := range result.Decisions {
			if decision.Action != validating.ActionAdmit {
				refusals = append(refusals, decision.Message)
			}
		}
	}
	switch {
	case !matched:
		return "no policy is for it"
	case len(refusals) > 0:
		return "refused: " + strings.Join(refusals, "; ")
	default:
		return "admitted"
	}
}
