# shellcheck shell=bash
# The functions, for bash and zsh alike. init.bash and init.zsh load them.

{{ cookiecutter.slug }}-configure() {
    _{{ cookiecutter.slug }}-mfakit configure --region {{ cookiecutter.region }} --duration {{ cookiecutter.duration }} "$@"
}

{{ cookiecutter.slug }}-login() {
    _{{ cookiecutter.slug }}-mfakit login "$@"
}

# If it fails, the environment stays as it is. `set -v` and `set -x` are turned off while it runs,
# since they would show the keys.
{{ cookiecutter.slug }}-env() {
    case "$*" in
    '' | --unset) ;;
    *)
        echo '{{ cookiecutter.slug }}-env: it takes nothing, or --unset' >&2
        return 64
        ;;
    esac
    case $- in
    *[vx]*)
        local flags=$-
        { set +vx; } 2>/dev/null
        {{ cookiecutter.slug }}-env "$@"
        set -- $?
        case $flags in *v*) set -v ;; esac
        case $flags in *x*) set -x ;; esac
        return "$1"
        ;;
    esac
    local statements
    statements=$(_{{ cookiecutter.slug }}-mfakit env --shell sh "$@") || return
    eval "$statements"
}

{{ cookiecutter.slug }}-exec() {
    if [ "${1-}" = -- ]; then shift; fi
    _{{ cookiecutter.slug }}-mfakit exec -- "$@"
}

# For a prompt: print the time that is left and a space, or nothing without a session or mfakit.
# It returns the exit code of the command before it, so that the prompt can show that afterwards.
{{ cookiecutter.slug }}-prompt() {
    local code=$? left
    if command -v mfakit >/dev/null; then
        left=$(_{{ cookiecutter.slug }}-mfakit status --short 2>/dev/null) || left=''
        printf '%s' "${left:+$left }"
    fi
    return "$code"
}

_{{ cookiecutter.slug }}-mfakit() {
    local what=$1
    shift
    command mfakit "$what" --profile {{ cookiecutter.__profile }} "$@"
}
