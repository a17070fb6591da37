# Without MFA, users may only set up their own device and get a session.
# It grants nothing else: their other policies decide what users may do with MFA.
# Attach it to a group of all users, not to roles: their sessions never carry MFA.
data "aws_iam_policy_document" "require_mfa" {
  # This action supports no resource-level permissions.
  statement {
    sid       = "AllowListingDevices"
    effect    = "Allow"
    actions   = ["iam:ListVirtualMFADevices"]
    resources = ["*"]
  }

  # Devices are named after their user: alice, alice-phone.
  statement {
    sid    = "AllowOwnVirtualDevices"
    effect = "Allow"
    actions = [
      "iam:CreateVirtualMFADevice",
      "iam:DeleteVirtualMFADevice",
    ]
    resources = [
      "arn:{{ cookiecutter.partition }}:iam::*:mfa/$${aws:username}",
      "arn:{{ cookiecutter.partition }}:iam::*:mfa/$${aws:username}-*",
    ]
  }

  # The user's own devices. AWS lets who has one add or remove another only with MFA.
  statement {
    sid    = "AllowOwnDevices"
    effect = "Allow"
    actions = [
      "iam:DeactivateMFADevice",
      "iam:EnableMFADevice",
      "iam:GetMFADevice",
      "iam:GetUser",
      "iam:ListMFADevices",
      "iam:ResyncMFADevice",
    ]
    resources = [
      "arn:{{ cookiecutter.partition }}:iam::*:user/$${aws:username}",
      "arn:{{ cookiecutter.partition }}:iam::*:user/*/$${aws:username}",
    ]
  }

  # Deny all else without MFA. IfExists, since long-term keys do not have this condition key:
  # plain Bool would let them pass.
  statement {
    sid    = "DenyAllElseWithoutMFA"
    effect = "Deny"
    not_actions = [
      "iam:CreateVirtualMFADevice",
      "iam:DeleteVirtualMFADevice",
      "iam:EnableMFADevice",
      "iam:GetMFADevice",
      "iam:GetUser",
      "iam:ListMFADevices",
      "iam:ListVirtualMFADevices",
      "iam:ResyncMFADevice",
      "sts:GetSessionToken",
    ]
    resources = ["*"]

    condition {
      test     = "BoolIfExists"
      variable = "aws:MultiFactorAuthPresent"
      values   = ["false"]
    }
  }

  # The rest is allowed only on oneself, whatever other policies allow: otherwise the key of
  # an administrator could give anybody a device.
  statement {
    sid    = "DenyForOthersWithoutMFA"
    effect = "Deny"
    actions = [
      "iam:DeleteVirtualMFADevice",
      "iam:EnableMFADevice",
      "iam:GetMFADevice",
      "iam:GetUser",
      "iam:ListMFADevices",
      "iam:ResyncMFADevice",
    ]
    not_resources = [
      "arn:{{ cookiecutter.partition }}:iam::*:user/$${aws:username}",
      "arn:{{ cookiecutter.partition }}:iam::*:user/*/$${aws:username}",
      "arn:{{ cookiecutter.partition }}:iam::*:mfa/$${aws:username}",
      "arn:{{ cookiecutter.partition }}:iam::*:mfa/$${aws:username}-*",
    ]

    condition {
      test     = "BoolIfExists"
      variable = "aws:MultiFactorAuthPresent"
      values   = ["false"]
    }
  }

  # Deny all else if the code is too old. No IfExists here: calls without an age are denied
  # above, or carry a code with AssumeRole itself, which is always fresh.
  statement {
    sid         = "DenyAllElseWithOldMFA"
    effect      = "Deny"
    not_actions = ["sts:GetSessionToken"]
    resources   = ["*"]

    condition {
      test     = "NumericGreaterThanEquals"
      variable = "aws:MultiFactorAuthAge"
      values   = ["{{ cookiecutter.__max_age_seconds }}"]
    }
  }
}

resource "aws_iam_policy" "require_mfa" {
  policy = data.aws_iam_policy_document.require_mfa.json

  # Ours from here on.
  name = "{{ cookiecutter.slug }}-require-mfa"
}

variable "group" {
  description = "The group whose users have to use MFA. It is there already."
  type        = string
  default     = "{{ cookiecutter.__group }}"
}

resource "aws_iam_group_policy_attachment" "require_mfa" {
  group      = var.group
  policy_arn = aws_iam_policy.require_mfa.arn
}
