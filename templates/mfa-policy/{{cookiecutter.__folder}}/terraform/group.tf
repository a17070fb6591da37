# Users may do nothing without MFA but set their own device up and get a session.
# It grants nothing else: what users may do with MFA is for their other policies to say.
# Attach it to a group of all users. Not to roles: their sessions never carry MFA.
data "aws_iam_policy_document" "require_mfa" {
  # This one knows no resources.
  statement {
    sid       = "AllowListingDevices"
    effect    = "Allow"
    actions   = ["iam:ListVirtualMFADevices"]
    resources = ["*"]
  }

  # A device is named for its user: alice, alice-phone.
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

  # Whoever comes without MFA. IfExists, since a long-term key has no such condition key:
  # plain Bool would let it through.
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

  # The rest is for oneself alone, whatever other policies allow: with an administrator's key,
  # anybody could be given a device.
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

  # Whoever gave the code too long ago. No IfExists here: who has no age is denied above, or
  # gives a code with AssumeRole itself, which is always fresh.
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
