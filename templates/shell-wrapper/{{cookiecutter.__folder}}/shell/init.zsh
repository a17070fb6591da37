# What ~/.zshrc loads: the functions, and their completions, if compinit has been called before.

. "${${(%):-%x}:h}/functions.sh"

# mfakit's own completion does the work; it is loaded when it is first needed.
_{{ cookiecutter.slug }}-complete() {
    (( ${+functions[_shtab_mfakit]} )) || eval "$(command mfakit completion zsh 2>/dev/null)"
    words=(mfakit "${service##*-}" "${(@)words[2,-1]}")
    (( CURRENT++ ))
    _shtab_mfakit
}

_{{ cookiecutter.slug }}-complete-env() {
    compadd -- --unset
}

if (( ${+functions[compdef]} )); then
    compdef _{{ cookiecutter.slug }}-complete {{ cookiecutter.slug }}-configure {{ cookiecutter.slug }}-login
    compdef _{{ cookiecutter.slug }}-complete-env {{ cookiecutter.slug }}-env
    compdef _precommand {{ cookiecutter.slug }}-exec
fi
