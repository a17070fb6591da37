// Prints the caller's identity with the AWS SDK for Go, as a program of a user would be.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func main() {
	settings, err := config.LoadDefaultConfig(context.TODO())
	if err != nil {
		panic(err)
	}
	endpoint := sts.EndpointResolverFromURL(os.Getenv("AWS_ENDPOINT_URL"))
	client := sts.New(sts.Options{Credentials: settings.Credentials, Region: settings.Region, EndpointResolver: endpoint})
	answer, err := client.GetCallerIdentity(context.TODO(), &sts.GetCallerIdentityInput{})
	if err != nil {
		panic(err)
	}
	fmt.Println(aws.ToString(answer.Arn))
}
