# What the profile of PowerShell loads: the functions.

function {{ cookiecutter.slug }}-configure {
    & mfakit configure --profile {{ cookiecutter.__profile }} --region {{ cookiecutter.region }} --duration {{ cookiecutter.duration }} @args
}

function {{ cookiecutter.slug }}-login {
    & mfakit login --profile {{ cookiecutter.__profile }} @args
}

# If it fails, the environment stays as it is.
function {{ cookiecutter.slug }}-env {
    [CmdletBinding()] # makes an unknown parameter an error
    param([switch] $Unset)
    $options = @('--profile', '{{ cookiecutter.__profile }}', '--shell', 'powershell')
    if ($Unset) {
        $options += '--unset'
    }
    $global:LASTEXITCODE = 127
    $statements = & mfakit env @options | Out-String
    if ($LASTEXITCODE -eq 0) {
        Invoke-Expression $statements
    }
}

function {{ cookiecutter.slug }}-exec {
    & mfakit exec --profile {{ cookiecutter.__profile }} -- @args
}

# For a prompt: print the time that is left and a space, or nothing without a session or mfakit.
function {{ cookiecutter.slug }}-prompt {
    if (Get-Command mfakit -CommandType Application -ErrorAction SilentlyContinue) {
        $code = $global:LASTEXITCODE
        $left = & mfakit status --profile {{ cookiecutter.__profile }} --short 2>$null
        $global:LASTEXITCODE = $code
        if ($left) {
            "$left "
        }
    }
}
