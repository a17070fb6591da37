# The role can be assumed only with MFA: from a session with MFA, or with a code.
# From a session it lasts at most one hour, whatever its MaxSessionDuration: that is
# role chaining. With a code in AssumeRole itself it may last for MaxSessionDuration.
# Its own policies decide what it may do. They cannot ask for MFA: no role carries it.
data "aws_iam_policy_document" "mfa_role" {
  # In an Allow, use plain Bool: BoolIfExists would let long-term keys in. A code given with
  # AssumeRole itself has no age, and is always fresh.
  statement {
    sid     = "AllowWithMFA"
    effect  = "Allow"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = ["arn:{{ cookiecutter.partition }}:iam::{{ cookiecutter.__account_id }}:root"]
    }

    condition {
      test     = "Bool"
      variable = "aws:MultiFactorAuthPresent"
      values   = ["true"]
    }

    condition {
      test     = "NumericLessThanIfExists"
      variable = "aws:MultiFactorAuthAge"
      values   = ["{{ cookiecutter.__max_age_seconds }}"]
    }
  }
}

resource "aws_iam_role" "mfa_role" {
  assume_role_policy = data.aws_iam_policy_document.mfa_role.json

  # Ours from here on. What a role may do is for policies that you attach to it.
  for_each = toset(local.roles)
  name     = each.key
}

locals {
  roles = [
{%- for role in cookiecutter.__roles.split(',') %}
    "{{ role }}",
{%- endfor %}
  ]
}

# The roles trust the whole account: users need a policy that lets them assume one, too.
data "aws_iam_policy_document" "assume_roles" {
  statement {
    sid       = "AllowAssumingRoles"
    effect    = "Allow"
    actions   = ["sts:AssumeRole"]
    resources = values(aws_iam_role.mfa_role)[*].arn
  }
}

resource "aws_iam_group_policy" "assume_roles" {
  name   = "{{ cookiecutter.slug }}-assume-roles"
  group  = var.group
  policy = data.aws_iam_policy_document.assume_roles.json
}
